package org.espalier.backend.cpu.qtip;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * What the CPU says of itself, where the system tells.
 *
 * @param known whether it does; where not, only trying helps
 * @param flags names as Linux gives them, such as {@code avx512vbmi}
 */
record CpuFlags(boolean known, Set<String> flags) {

  /** Of this machine. */
  static CpuFlags read() {
    return read(Path.of("/proc/cpuinfo"));
  }

  static CpuFlags read(Path file) {
    try (var lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
      return lines
          .filter(line -> line.startsWith("flags"))
          .findFirst()
          .map(line ->
              new CpuFlags(true, Set.of(line.substring(line.indexOf(':') + 1).strip().split(" +"))))
          .orElse(new CpuFlags(false, Set.of()));
    } catch (IOException e) {
      return new CpuFlags(false, Set.of());
    }
  }

  /** Whether the CPU has a feature, as far as is known. */
  boolean mayHave(String flag) {
    return !known || flags.contains(flag);
  }
}
