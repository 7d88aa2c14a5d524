"""A training run as actors of Ray: the paper's figure (Kalashnikov et al. 2018, appendix F), on one machine or many."""
