"""Networks built from SchNetPack's blocks, their weights on disk and fast exact forwards; imports nothing of core."""
