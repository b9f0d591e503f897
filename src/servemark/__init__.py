"""servemark: which web server should serve my model, and what does it cost?"""

__version__ = "0.1.0"
