"""One camera's way from a message that came in to the one that goes out, without ROS."""
