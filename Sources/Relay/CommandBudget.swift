/// What a client may do wrong, or for nothing, before its session ends.
struct CommandBudget {
    private var commands = 0
    private var errors = 0
    private var idle = 0

    /// One more command. False where it is one too many.
    mutating func takeCommand(max: Int) -> Bool {
        commands += 1
        return commands <= max
    }

    /// The command has led to something.
    mutating func giveBackCommand() { commands -= 1 }

    /// A message has been delivered: what was said before it is settled.
    mutating func noteDelivery() { self = CommandBudget() }

    /// One more mistake. False where it is one too many.
    mutating func takeError(max: Int) -> Bool {
        errors += 1
        return errors <= max
    }

    /// One more command that moves nothing on: past their number each is a mistake. False where it is one too many.
    mutating func takeIdleCommand(errorsMax: Int) -> Bool {
        idle += 1
        return idle <= EnvelopeLimits.idleCommands || takeError(max: errorsMax)
    }
}
