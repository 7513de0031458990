import Testing

/// All suites of the relay, one test at a time: they measure what is left behind, and time.
@Suite(.serialized) enum RelaySuites {}
