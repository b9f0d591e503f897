"""From an uploaded image to the model's answer: what all Python contestants share.

A contestant needs `service.load`, `requests.takes_form` and `errors.Rejected`. This file imports
nothing, so that `python -m predictor` checks a start without paying for NumPy and OpenCV.
"""
