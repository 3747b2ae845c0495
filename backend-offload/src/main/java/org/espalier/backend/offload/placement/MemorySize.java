package org.espalier.backend.offload.placement;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;

/** Amounts of memory as people write them. */
public final class MemorySize {
  private static final Pattern FORM =
      Pattern.compile(
          "(\\d{1,12}(?:\\.\\d{1,6})?)\\s*(?:([KMGT])(?:i?B)?|B)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "KMGT";

  private MemorySize() {}

  /**
   * Bytes: {@code "1G"}, {@code "600M"}, {@code "1.5GiB"}, {@code "1048576"}. K, M, G and T are
   * powers of 1024.
   *
   * @param name of the setting, for the message
   */
  public static long parse(String name, String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw new InvalidRequest(
          "--%s %s is not an amount of memory: write 1G or 600M".formatted(name, text));
    }
    String unit = matcher.group(2);
    int power = unit == null ? 0 : UNITS.indexOf(unit.toUpperCase(Locale.ROOT)) + 1;
    double bytes = Double.parseDouble(matcher.group(1)) * Math.pow(1024, power);
    if (bytes < 1 || bytes > Long.MAX_VALUE / 2.0) {
      throw new InvalidRequest(
          "--%s %s is no amount of memory that a machine can have".formatted(name, text));
    }
    return (long) bytes;
  }

  /** For people, in MiB, rounded up: an amount that is asked for must be enough. */
  public static String mebibytes(long bytes) {
    return "%,d MiB".formatted((bytes + (1 << 20) - 1) >> 20);
  }
}
