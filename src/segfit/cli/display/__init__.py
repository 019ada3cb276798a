"""What commands show: tables, and the live panel of a training."""
