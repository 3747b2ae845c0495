package org.espalier.backend.cuda;

import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * What users can set.
 *
 * @param device number of the GPU
 * @param expertMemory most bytes of device memory for experts; what is beyond lives in page-locked
 *     memory of the host
 */
record Settings(int device, OptionalLong expertMemory) {
  static final String DEVICE = "device";
  static final String DEVICE_MEMORY = "device-memory";
  private static final Pattern SIZE = Pattern.compile("(\\d{1,12})([kmgt]?)i?b?");

  /** Reads them by name; other names belong to others. */
  static Settings of(Map<String, String> settings) {
    String device = settings.getOrDefault(DEVICE, "0");
    if (!device.matches("\\d{1,4}")) {
      throw new InvalidRequest("the number of a GPU is 0 or more, not '%s'".formatted(device));
    }
    String memory = settings.get(DEVICE_MEMORY);
    return new Settings(
        Integer.parseInt(device),
        memory == null ? OptionalLong.empty() : OptionalLong.of(size(memory)));
  }

  private static long size(String text) {
    Matcher matcher = SIZE.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new InvalidRequest(
          "%s is a size such as 800M or 1G, not '%s'".formatted(DEVICE_MEMORY, text));
    }
    int shift = matcher.group(2).isEmpty() ? 0 : 10 * (1 + "kmgt".indexOf(matcher.group(2)));
    return Long.parseLong(matcher.group(1)) << shift;
  }
}
