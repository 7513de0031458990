extension Options {
    static func help(_ command: Command?) -> String {
        switch command {
        case nil: general
        case .run: run
        case .check: check
        case .reload: reload
        case .upgrade: upgrade
        case .status: status
        case .sessions: sessions
        case .route: route
        case .password: password
        }
    }

    private static let general = """
        Usage: mailrace COMMAND [OPTION]...

        Relays SMTP sessions to the servers behind it. It has no queue: what a client is
        told is what the server said.

        Commands:
          run      relay, until told to end
          check    look over the configuration and change nothing
          reload   have a running Mailrace read its configuration anew
          upgrade  have a running Mailrace start its program anew and leave it its place
          status   show how a running Mailrace does
          sessions show the sessions of a running Mailrace
          route    show where the mail for a recipient goes
          password write the line of a password for an authenticator's file

        Options:
          --help       show this help, or that of a command, and exit
          --version    show the version and exit

        Every key of mailrace.toml(5) can also be set by environment
        (MAILRACE_LISTENER__MX__STARTTLS=require) and with --set.

        """

    private static let run = """
        Usage: mailrace run [OPTION]...

        Listens, and relays each session to its upstream. Ends on SIGTERM or SIGINT, after
        the sessions that are under way or runtime.drain_timeout. Reads the configuration
        anew on SIGHUP, or when 'mailrace reload' asks for it. Has a new process take its place
        on SIGUSR2, or when 'mailrace upgrade' asks for it.

        Options:
        \(sourceOptions)
          --help            show this help and exit

        Without a configuration file it listens on 127.0.0.1:2525 and relays to 127.0.0.1:25.

        Exit status: 0 after an orderly end, 64 if the command line is wrong, 69 if
        something that is needed is not available, 78 if the configuration is wrong.

        """

    private static let check = """
        Usage: mailrace check [OPTION]...

        Reads the configuration as 'mailrace run' would, with the files that it names, and
        lists every problem with file, line, column and key. Nothing is changed, no
        connection is made.

        Options:
        \(sourceOptions)
          --print           write the effective configuration, each value with where it
                            comes from
          --system          write what the kernel offers: io_uring, limits, kernel TLS;
                            without --print, the configuration is not read
          --help            show this help and exit

        Exit status: 0 if the configuration is good, 64 if the command line is wrong, 78
        if the configuration is wrong.

        """

    private static let reload = """
        Usage: mailrace reload [OPTION]...

        Has the Mailrace that runs here read its configuration anew, waits, and shows what
        it has to say. Sessions go on with the settings they began with. If anything is
        wrong with the new configuration, all stays as it is.

        That Mailrace reads what it was started with: its own file, environment and --set.
        The options only say where to find it.

        Options:
          --config FILE     find its control socket by this file in place of
                            /etc/mailrace/mailrace.toml
          --set KEY=VALUE   find its control socket by this value of a key, as in
                            runtime.control_socket=/run/x.sock
          --socket PATH     ask at this socket
          --help            show this help and exit

        Exit status: 0 if its configuration is in force, 64 if the command line is wrong,
        69 if no Mailrace answers or it is ending, 78 if the configuration is wrong.

        """

    private static let upgrade = """
        Usage: mailrace upgrade [OPTION]...

        Has the Mailrace that runs here start its program anew, which may be a newer one by
        now, with the arguments and the environment that it has itself. The new process
        gets all sockets that are listened at, and so nobody is refused or lost. Once it
        serves, the former one ends after its sessions or runtime.drain_timeout. If it does
        not come to serve, all stays as it is.

        Options:
          --config FILE     find its control socket by this file in place of
                            /etc/mailrace/mailrace.toml
          --set KEY=VALUE   find its control socket by this value of a key, as in
                            runtime.control_socket=/run/x.sock
          --socket PATH     ask at this socket
          --help            show this help and exit

        Exit status: 0 if the new process serves, 64 if the command line is wrong, 69 if no
        Mailrace answers, it is ending, or the new process cannot serve, 78 if the
        configuration is wrong.

        """

    private static let status = """
        Usage: mailrace status [OPTION]...

        Shows how the Mailrace that runs here does: state, rates, listeners, servers, what
        was refused and failed, certificates. It asks the admin endpoint (admin.listen).

        Options:
        \(showOptions)

        """

    private static let sessions = """
        Usage: mailrace sessions [OPTION]...

        Shows the sessions of the Mailrace that runs here, the oldest first. It asks the
        admin endpoint (admin.listen).

        Options:
          --limit N         show at most N sessions, 1 to 1000; by default 50
        \(showOptions)

        """

    private static let route = """
        Usage: mailrace route [OPTION]... ADDRESS

        Shows where mail for this recipient goes, by the routes and maps of the configuration,
        which are asked as a session would ask them: the name of an upstream, then the server
        if a map names one, and tls_verify=true or tls_verify=false if the map says so. It
        connects to the databases that the maps name, and to nothing else.

        Options:
          --listener NAME   the listener whose routes are meant; needed where there are several
          --sender ADDRESS  who sends, for maps that are asked about senders; '' is nobody
          --client ADDRESS  the client's IP address, for maps that are asked about clients;
                            127.0.0.1 by default
          --login NAME      who has authenticated, for maps that are asked about logins
          --json            write an object of JSON, on one line of ASCII
          --verbose         write to standard error what each map was asked and answered
        \(sourceOptions)
          --help            show this help and exit

        Exit status: 0 if there is a route, 1 if there is none: the recipient is refused; 64 if
        the command line is wrong, 69 if something that is needed is not available, 75 if a map
        could not say, 78 if the configuration is wrong.

        """

    private static let password = """
        Usage: mailrace password [OPTION]...

        Reads a password from its standard input, up to the end of the line, and writes its
        hash, as the file of an authenticator has it behind the user.

        Options:
          --user USER       write the whole line: the user, a colon and the hash
          --method METHOD   hash by yescrypt, as by default, or by argon2id
          --help            show this help and exit

        Exit status: 0 if it was written, 64 if the command line is wrong, or the password
        is empty or too long.

        """

    private static let showOptions = """
          --watch           go on showing it: in place on a terminal, else a line a second
          --json            as the endpoint gives it; with --watch, one document a line
          --admin ADDRESS   ask there, as in 127.0.0.1:9125 or unix:/run/mailrace/admin.sock
          --config FILE     find the address by this file in place of
                            /etc/mailrace/mailrace.toml
          --set KEY=VALUE   find the address by this value of a key, as in
                            admin.listen=127.0.0.1:9126
          --help            show this help and exit

        Exit status: 0 if it was shown, 64 if the command line is wrong, 69 if no Mailrace
        answers, 78 if the configuration is wrong.
        """

    private static let sourceOptions = """
          --config FILE     read this file in place of /etc/mailrace/mailrace.toml
          --set KEY=VALUE   set one key, as in listener.mx.starttls=require; stronger than
                            the environment and the file; the elements of a list are
                            parted by commas
        """
}
