#pragma once

/// libFuzzer's own main, under a name that SwiftPM does not take for itself: it renames the `main` of an executable.
int fuzzing_main(int argc, char **argv);
