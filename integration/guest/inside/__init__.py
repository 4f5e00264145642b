"""What runs inside of the guest (test_guest.py boots it): a module for each boot."""
