extension Review {
    mutating func checkLog(problems: inout ProblemCollector) {
        let log = settings.log
        if log.file == "-", let node = logNode("file") {
            warnings.report(node, "is a file of this name; the standard error is \"\"")
        }
        if !log.file.isEmpty, log.transcriptFile == log.file, let node = logNode("transcript_file") {
            problems.report(node, "is log.file; leave it empty to have both there")
        }
        if log.transcript != .off, log.transcriptFile.isEmpty, log.level == .warning || log.level == .error,
            let node = logNode("transcript")
        {
            warnings.report(node, "is written at level info, which log.level leaves out; set log.transcript_file")
        }
        if log.transcriptCredentials, let node = logNode("transcript_credentials") {
            warnings.report(node, "passwords of clients are written down where the transcript goes")
        }
    }

    private func logNode(_ key: String) -> Node? { document.find(["log", key]) }
}
