// The errors that end a command. Their messages say what to do.

'use strict'

/** The command line is wrong. */
class UsageError extends Error {
  exitCode = 2
}

/** The command cannot do its work. */
class CommandError extends Error {
  exitCode = 1
}

exports.CommandError = CommandError
exports.UsageError = UsageError
