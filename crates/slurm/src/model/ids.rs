//! The kinds of numbers that name things in Slurm's accounting.

words::ids! {
    /// Slurm's number of a TRES; the fixed ones are 1 to 8, configured ones start at 1001.
    TresId(u32);
    /// Number of a QOS; `normal` is 1.
    QosId(u32);
    /// Number of an association; never used twice.
    AssociationId(u32);
    /// Number of a wckey; never used twice.
    WckeyId(u32);
    /// Number of a resource; never used twice.
    ResourceId(u32);
    /// Number of a reservation on its cluster.
    ReservationId(u32);
    /// Number of a job on its cluster. An array and a heterogeneous job have the number of one of their jobs.
    #[derive(Default)]
    JobId(u32);
    /// Number of a job's row (sacct's `DBIndex`). Two rows of one job (a requeue) differ in it.
    JobRow(u64);
}
