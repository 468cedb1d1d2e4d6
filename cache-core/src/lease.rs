//! Leave to store what is computed.

/// Leave to store what is computed after a miss: worthless once the key was invalidated, put or
/// cleared in between. It holds a client's own marks, or the leases of two tiers.
///
/// ```
/// use cache_core::Lease;
///
/// let (near, far) = (Lease::new(1), Lease::new(2).over(Lease::new(3)));
/// assert_eq!((far.mark(), far.behind().mark()), (Some(2), Some(3)));
/// let lease = Lease::of_tiers(near.clone(), far.clone());
/// assert_eq!((lease.near(), lease.far()), (near, far));
/// assert!(!Lease::of_tiers(Lease::none(), Lease::none()).is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    mark: Option<u64>,
    behind: Option<Box<Lease>>,
    tiers: Option<Box<(Lease, Lease)>>,
    copies: bool,
}

impl Lease {
    /// A lease with a client's own mark.
    #[must_use]
    pub fn new(mark: u64) -> Self {
        Lease { mark: Some(mark), behind: None, tiers: None, copies: false }
    }

    /// No leave: what is computed is not stored.
    #[must_use]
    pub fn none() -> Self {
        Lease { mark: None, behind: None, tiers: None, copies: false }
    }

    /// The leases of two tiers as one.
    #[must_use]
    pub fn of_tiers(near: Lease, far: Lease) -> Self {
        Lease { mark: None, behind: None, tiers: Some(Box::new((near, far))), copies: false }
    }

    /// The client's mark; `None`: no leave.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// This lease with further marks of the same client.
    #[must_use]
    pub fn over(mut self, behind: Lease) -> Self {
        self.behind = Some(Box::new(behind));
        self
    }

    /// The further marks of the same client.
    #[must_use]
    pub fn behind(&self) -> Lease {
        self.behind.as_deref().cloned().unwrap_or_else(Lease::none)
    }

    /// The lease of the near tier.
    #[must_use]
    pub fn near(&self) -> Lease {
        self.tiers.as_ref().map_or_else(Lease::none, |tiers| tiers.0.clone())
    }

    /// The lease of the far tier.
    #[must_use]
    pub fn far(&self) -> Lease {
        self.tiers.as_ref().map_or_else(Lease::none, |tiers| tiers.1.clone())
    }

    /// The same for a copy of what another tier has: worthless also once something was computed and stored
    /// in between, which is newer than a copy.
    ///
    /// ```
    /// use cache_core::Lease;
    /// assert!(Lease::new(1).of_copy().is_of_copy() && !Lease::new(1).is_of_copy());
    /// ```
    #[must_use]
    pub fn of_copy(mut self) -> Self {
        self.copies = true;
        self.behind = self.behind.map(|behind| Box::new(behind.of_copy()));
        self.tiers = self.tiers.map(|tiers| Box::new((tiers.0.of_copy(), tiers.1.of_copy())));
        self
    }

    /// Whether it is for a copy.
    #[must_use]
    pub fn is_of_copy(&self) -> bool {
        self.copies
    }

    /// Whether any tier gave leave.
    #[must_use]
    pub fn is_some(&self) -> bool {
        let tiers = |tiers: &(Lease, Lease)| tiers.0.is_some() || tiers.1.is_some();
        self.mark.is_some() || self.tiers.as_deref().is_some_and(tiers)
    }
}
