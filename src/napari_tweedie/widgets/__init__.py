"""What does the user meet in napari?"""
