"""What the integration tests share: a runtime to call, bundles, and the search for what was left behind."""
