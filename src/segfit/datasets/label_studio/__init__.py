"""Label Studio's JSON: what its tasks hold, what its regions cover, and the images behind them."""
