'use strict'
exports.help = 'Usage: velt-auth doctor \nExamples\n velt-auth doctor'
exports.options = {}
exports.run = async () => 1
