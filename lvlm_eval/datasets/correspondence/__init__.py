"""Other datasets of pairs with corresponding keypoints, one file a layout."""
