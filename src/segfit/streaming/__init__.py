"""Images that no memory holds, segmented window by window without a trace of the windows."""
