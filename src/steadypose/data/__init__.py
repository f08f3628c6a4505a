"""What training needs: motion capture, cameras, detector noise, and the pairs made of them."""
