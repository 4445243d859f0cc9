"""Every module in this package is one provider; its name is the `provider` of the deployment file."""
