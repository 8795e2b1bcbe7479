"""What a frozen segmenter, TotalSegmentator, makes of synthetic and real volumes."""
