package org.espalier.launcher.console;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says in one sentence what is wrong with a command line. */
public final class Misuse {
  private static final Pattern NOT_OF_THE_LIST =
      Pattern.compile(
          "Invalid value for .*: expected one of \\[(.*)] \\(case-insensitive\\) but was '(.*)'",
          Pattern.DOTALL);
  private static final Pattern NUMBER =
      Pattern.compile("Invalid value for option (.*): ('.*') is not an? (int|long|float|double)");

  private Misuse() {}

  /** The sentence, with the command whose help tells more. */
  public static String sentence(ParameterException failure) {
    CommandLine command = failure.getCommandLine();
    String wrong =
        switch (failure) {
          case UnmatchedArgumentException unmatched -> unmatched(unmatched, command);
          case MissingParameterException missing -> missing(missing);
          default -> invalid(failure);
        };
    String help = command.getCommandSpec().qualifiedName(" ") + " --help";
    return Failure.oneSentence(wrong) + "; see " + help;
  }

  private static String unmatched(UnmatchedArgumentException failure, CommandLine command) {
    String first = failure.getUnmatched().getFirst();
    String meant =
        failure.getSuggestions().stream()
            .limit(3)
            .map(Misuse::nameOfOption)
            .collect(Collectors.joining(" or "));
    String question = meant.isEmpty() ? "" : " (did you mean " + meant + "?)";
    if (failure.isUnknownOption()) {
      return "there is no flag " + first + question;
    }
    if (command.getParent() == null) {
      return "there is no command '" + first + "'" + question;
    }
    return "'" + first + "' is a word too many: put texts of several words in quotes";
  }

  private static String nameOfOption(String suggestion) {
    return suggestion.split("=", 2)[0];
  }

  private static String missing(MissingParameterException failure) {
    List<ArgSpec> missing = failure.getMissing().stream().filter(ArgSpec::required).toList();
    if (!failure.getMissing().isEmpty()
        && String.valueOf(failure.getMessage())
            .startsWith("Missing required parameter for option")) {
      return written(failure.getMissing().getFirst()) + " needs its value";
    }
    if (missing.isEmpty()) {
      return String.valueOf(failure.getMessage());
    }
    return missing.stream().map(Misuse::written).collect(Collectors.joining(" and "))
        + (missing.size() == 1 ? " is" : " are")
        + " missing";
  }

  private static String written(ArgSpec argument) {
    return argument instanceof OptionSpec option
        ? option.longestName() + " " + option.paramLabel()
        : argument.paramLabel();
  }

  private static String invalid(ParameterException failure) {
    String message = String.valueOf(failure.getMessage());
    Matcher list = NOT_OF_THE_LIST.matcher(message);
    if (list.matches()) {
      String known = list.group(1).toLowerCase(Locale.ROOT).replaceFirst(", (?=[^,]*$)", " or ");
      return "'" + list.group(2) + "' is none of " + known;
    }
    Matcher number = NUMBER.matcher(message);
    if (number.matches()) {
      boolean whole = number.group(3).equals("int") || number.group(3).equals("long");
      return number.group(1).replace("'", "")
          + ": "
          + number.group(2)
          + (whole ? " is not a whole number" : " is not a number");
    }
    return message.replaceFirst("^Invalid value for option '([^']*)'", "$1");
  }
}
