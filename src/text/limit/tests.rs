use super::*;

#[test]
fn values_are_compared_by_meaning() {
    for (name, wanted, column, met) in [
        ("MaxJobs", "10", "10", true),
        ("MaxJobs", "0", "", false),
        ("MaxJobs", "0", "0", true),
        ("MaxJobs", "-1", "", true),
        ("MaxJobs", "-1", "0", false),
        ("grptres", "gres/gpu=2", "cpu=4,gres/gpu=2", true),
        ("GrpTRES", "gres/gpu=2", "gres/gpu=3", false),
        ("GrpTRES", "cpu=-1", "gres/gpu=3", true),
        ("GrpTRES", "mem=2G", "mem=2048M", true),
        ("GrpTRES", "mem=2048", "mem=2G", true),
        ("GrpCPURunMins", "10000", "cpu=10000,node=1", true),
        ("GrpCPURunMins", "-1", "cpu=10000", false),
        ("MaxWall", "2-0", "2-00:00:00", true),
        ("MaxWall", "90", "01:30:00", true),
        ("MaxWall", "90", "", false),
        ("QOS", "normal,long", "long,normal", true),
        ("QOS", "+long", "normal", false),
        ("QOS", "-long", "normal", true),
        ("Fairshare", "parent", "parent", true),
    ] {
        assert_eq!(find(name).unwrap().is_met(wanted, column), met, "{name}={wanted} on {column:?}");
    }
}

#[test]
fn forms() {
    for (name, good, bad) in [
        ("MaxJobs", "0", "-2"),
        ("MaxJobs", "-1", ""),
        ("MaxWall", "1-12:30", "1-2:3:4:5"),
        ("MaxWall", "5:30", "1:2:3:4"),
        ("GrpTRES", "mem=1G", "mem=1Gi"),
        ("GrpTRES", "cpu=-1", "cpu"),
        ("DefaultQOS", "normal", "a,b"),
    ] {
        assert!(find(name).unwrap().accepts(good), "{name}={good}");
        assert!(!find(name).unwrap().accepts(bad), "{name}={bad}");
    }
}
