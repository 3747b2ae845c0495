package org.espalier.launcher;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.ServiceConfigurationError;
import org.espalier.launcher.discovery.ProviderDiscovery;

/**
 * Lets backends get ready while the arguments are parsed and the model is opened, which occupy one
 * thread.
 */
final class Preparation {
  /** Says that the model will be treated as a large one, whatever its size. */
  static final String ALWAYS = "espalier.prepare";

  /** A small model is through before preparing pays. */
  private static final long LARGE = 1 << 30;

  private Preparation() {}

  /** Whether one of the arguments names a file that can only be a large model. */
  static boolean isWorthwhile(String... arguments) {
    return Boolean.getBoolean(ALWAYS) || Arrays.stream(arguments).anyMatch(Preparation::isLarge);
  }

  private static boolean isLarge(String argument) {
    try {
      return Path.of(argument).toFile().length() >= LARGE;
    } catch (InvalidPathException _) {
      return false;
    }
  }

  /** Begins, in a thread that keeps nothing from ending. */
  static void begin() {
    Thread.ofPlatform().daemon().name("espalier-prepare").start(Preparation::prepare);
  }

  private static void prepare() {
    try {
      new ProviderDiscovery(ModuleLayer.boot()).prepareBackends();
    } catch (ServiceConfigurationError | LinkageError | RuntimeException _) {
      // Whoever needs the broken one will be told.
    }
  }
}
