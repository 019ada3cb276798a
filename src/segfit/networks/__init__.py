"""Networks in torch: nothing outside training, export and the torch backend imports them."""
