package org.espalier.backend.offload.placement;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.BackendId;

/**
 * What the user asked for.
 *
 * @param hostMemory bytes that the process may take; as many as the machine has where empty
 * @param deviceMemory bytes of the device that weights may take
 * @param cpuLayers layers, from the first, whose experts the host computes; where empty, that is
 *     decided by what it costs
 * @param far what becomes of experts that the device has no memory of its own for
 * @param linkBytesPerSecond of the link between host and device; measured where empty
 * @param cpuSecondsPerExpert that the host takes for one row; measured where empty
 * @param device the backend that computes what the host does not, where there is one
 * @param host the backend of the host
 * @param readers threads that read
 * @param places experts that have a place in memory at most, however much there is
 * @param profile file in which uses of experts are counted, from run to run
 */
public record Settings(
    OptionalLong hostMemory,
    OptionalLong deviceMemory,
    OptionalInt cpuLayers,
    FarExperts far,
    OptionalDouble linkBytesPerSecond,
    OptionalDouble cpuSecondsPerExpert,
    BackendId device,
    BackendId host,
    int readers,
    int places,
    Optional<Path> profile) {
  /** Names of settings, which are those of the flags. */
  public static final String HOST_MEMORY = "host-memory";

  /** As above. */
  public static final String DEVICE_MEMORY = "device-memory";

  /** As above. */
  public static final String CPU_LAYERS = "n-cpu-moe";

  /** Names of settings without a flag. */
  public static final String DEVICE = "offload-device";

  /** As above. */
  public static final String HOST = "offload-host";

  /** As above. */
  public static final String READERS = "read-threads";

  /** As above. */
  public static final String PLACES = "expert-places";

  /** As above. */
  public static final String PROFILE = "expert-profile";

  /** As above. */
  public static final String FAR = "far-experts";

  /** As above. */
  public static final String LINK = "link-speed";

  /** As above. */
  public static final String CPU_TIME = "cpu-expert-time";

  private static final int MOST_READERS = 64;

  /** Reads them. */
  public static Settings of(Map<String, String> settings) {
    return new Settings(
        memory(settings, HOST_MEMORY),
        memory(settings, DEVICE_MEMORY),
        settings.containsKey(CPU_LAYERS)
            ? OptionalInt.of(number(settings, CPU_LAYERS, 0, 0, Integer.MAX_VALUE))
            : OptionalInt.empty(),
        far(settings.getOrDefault(FAR, "auto")),
        positive(settings, LINK, "13e9, bytes per second"),
        positive(settings, CPU_TIME, "58e-6, seconds"),
        backend(settings, DEVICE, "cuda"),
        backend(settings, HOST, "cpu"),
        number(settings, READERS, 6, 1, MOST_READERS),
        number(settings, PLACES, Integer.MAX_VALUE, 1, Integer.MAX_VALUE),
        Optional.ofNullable(settings.get(PROFILE)).map(Path::of));
  }

  private static OptionalLong memory(Map<String, String> settings, String name) {
    String text = settings.get(name);
    return text == null ? OptionalLong.empty() : OptionalLong.of(MemorySize.parse(name, text));
  }

  private static int number(
      Map<String, String> settings, String name, int other, int least, int most) {
    String text = settings.get(name);
    if (text == null) {
      return other;
    }
    try {
      int number = Integer.parseInt(text.strip());
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException _) {
      // is refused below
    }
    throw new InvalidRequest(
        "--%s %s is not a whole number from %d to %d".formatted(name, text, least, most));
  }

  private static FarExperts far(String text) {
    for (FarExperts each : FarExperts.values()) {
      if (each.name().equalsIgnoreCase(text.strip())) {
        return each;
      }
    }
    throw new InvalidRequest("%s=%s is none of auto, read, copy and cpu".formatted(FAR, text));
  }

  private static OptionalDouble positive(Map<String, String> settings, String name, String like) {
    String text = settings.get(name);
    if (text == null) {
      return OptionalDouble.empty();
    }
    try {
      double number = Double.parseDouble(text.strip());
      if (number > 0 && number < 1e15) {
        return OptionalDouble.of(number);
      }
    } catch (NumberFormatException _) {
      // is refused below
    }
    throw new InvalidRequest("%s=%s is not a number such as %s".formatted(name, text, like));
  }

  private static BackendId backend(Map<String, String> settings, String name, String other) {
    String text = settings.getOrDefault(name, other);
    try {
      return new BackendId(text);
    } catch (IllegalArgumentException e) {
      throw new InvalidRequest("%s=%s is not a name of a backend".formatted(name, text));
    }
  }
}
