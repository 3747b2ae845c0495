package org.espalier.runtime.quantisation.pipeline;

import java.util.Locale;

/** Names of constants as users write them. */
final class Named {
  private Named() {}

  /** In lower case, words joined by hyphens. */
  static String of(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
