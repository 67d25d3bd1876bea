"""Operations on what opens a bucket to others: policies, public access blocks, ownership controls, lists of grants."""
