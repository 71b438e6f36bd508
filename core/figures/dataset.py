"""What a dataset holds, as figures of counts (grey, because a count is no error) and the sentences above them."""

from core.figures.dataset_cells import size_element_map
from core.figures.dataset_elements import element_sentence, element_shares
from core.figures.dataset_sizes import size_histogram, size_sentence, spans

__all__ = ["element_sentence", "element_shares", "size_element_map", "size_histogram", "size_sentence", "spans"]
