"""2D keypoints in, root-relative 3D out, through ONNX Runtime; never imports torch."""
