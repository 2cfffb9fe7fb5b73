"""Dense features: photos → feature maps → matches → PCK and the four-choice ceiling."""
