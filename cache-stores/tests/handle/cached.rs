//! Handles and adapters over cached stores.
