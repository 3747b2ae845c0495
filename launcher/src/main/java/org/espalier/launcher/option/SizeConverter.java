package org.espalier.launcher.option;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads a number of bytes: {@code 800M}, {@code 3G}, {@code 1.5GiB}. Letters mean powers of 1024.
 */
final class SizeConverter implements ITypeConverter<Long> {
  private static final Pattern SIZE =
      Pattern.compile("(\\d{1,12}(?:\\.\\d{1,6})?)([kmgt]?)(?:i?b)?");

  @Override
  public Long convert(String value) {
    Matcher matcher = SIZE.matcher(value.strip().toLowerCase(Locale.ROOT));
    if (matcher.matches()) {
      int power = matcher.group(2).isEmpty() ? 0 : 1 + "kmgt".indexOf(matcher.group(2));
      double bytes = Double.parseDouble(matcher.group(1)) * Math.pow(1024, power);
      if (bytes >= 1 && bytes < 1e17) {
        return (long) bytes;
      }
    }
    throw new TypeConversionException("'" + value + "' is not a size such as 800M or 3G");
  }
}
