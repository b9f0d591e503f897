"""The dashboard: a local web application over the runs folder, and a playground."""

from servemark.ui.checkout import Checkout
from servemark.ui.serving import serve

__all__ = ["Checkout", "serve"]
