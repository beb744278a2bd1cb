"""The live page: `recorder` writes where a run is into the ledger, `store` reads it, `app` serves it as pages."""
