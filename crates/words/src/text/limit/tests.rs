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
        ("MaxJobs", "4294967293", "4294967294"),
        ("GrpSubmitJobs", "10", "4294967296"),
        ("Fairshare", "1", "99999999999999999999"),
        ("MaxWall", "4294967293", "4294967296"),
        ("MaxWall", "365-0", "99999999999999999999-0"),
        ("GrpTRES", "cpu=9223372036854775807", "cpu=9223372036854775808"),
        ("GrpTRES", "mem=8191P", "mem=8192P"),
        ("GrpTRES", "GRES/gpu:a100=2", "gpu=2"),
        ("GrpTRES", "license/matlab=2", "cpus=2"),
        ("GrpTRES", "cpu=4,node=2", "cpu=4,nodes=2"),
        ("GrpTRES", "cpu=4", "cpu=-2"),
    ] {
        assert!(find(name).unwrap().accepts(good), "{name}={good}");
        assert!(!find(name).unwrap().accepts(bad), "{name}={bad}");
    }
    let qos = |name: &str| find_in(QOS_LIMITS, name).unwrap();
    for (name, good, bad) in [("GraceTime", "60", "4294967296"), ("UsageFactor", "0.5", &"9".repeat(400))] {
        assert!(qos(name).accepts(good) && !qos(name).accepts(bad), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let said = |name: &str, text: &str| find(name).unwrap().problem(text).unwrap_or_default();
    assert!(said("MaxJobs", "4294967296").starts_with("the most is 4294967293: Slurm keeps 32 bits"));
    assert!(said("MaxWall", "99999999999-0:0:0").contains("4294967293"));
    assert!(said("GrpTRES", "cpu=4,gpu=2").starts_with("there is no TRES `gpu`: billing, cpu"));
    assert_eq!(said("GrpTRES", "cpu=9223372036854775808"), "cpu=9223372036854775808: the most is 9223372036854775807");
    assert_eq!((said("MaxJobs", "many"), said("GrpTRES", "cpu")), (String::new(), String::new()));
}
