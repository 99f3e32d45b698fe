"""Pages that are written from declarations, and the commands that write them."""
