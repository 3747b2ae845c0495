package org.espalier.launcher.option;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * One {@code --logit-bias}.
 *
 * @param token whose logit
 * @param bias is raised by this
 */
public record TokenBias(int token, float bias) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,9})([+-].+)");

  /** Reads {@code TOKEN+BIAS} or {@code TOKEN-BIAS}; {@code -inf} forbids a token. */
  public static TokenBias parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (matcher.matches()) {
      try {
        return new TokenBias(Integer.parseInt(matcher.group(1)), bias(matcher.group(2)));
      } catch (NumberFormatException _) {
        // told below
      }
    }
    throw new TypeConversionException(
        "'" + text + "' is not of the form TOKEN+BIAS or TOKEN-BIAS, such as 42+1.5 or 42-inf");
  }

  private static float bias(String text) {
    return text.equals("-inf") ? Float.NEGATIVE_INFINITY : Float.parseFloat(text);
  }

  /** For picocli. */
  static final class Converter implements ITypeConverter<TokenBias> {
    @Override
    public TokenBias convert(String value) {
      return parse(value);
    }
  }
}
