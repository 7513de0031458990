struct Idle {}
