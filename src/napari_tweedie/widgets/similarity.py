"""How similar are layers to a reference, in numbers?"""

from qtpy.QtWidgets import QWidget


class Similarity(QWidget):
    def __init__(self, viewer):
        super().__init__()

    def compare(self, layers):
        pass
