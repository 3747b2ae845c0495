package org.espalier.launcher.option;

import org.espalier.api.backend.BackendId;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a backend. */
final class BackendConverter implements ITypeConverter<BackendId> {
  @Override
  public BackendId convert(String value) {
    try {
      return new BackendId(value);
    } catch (IllegalArgumentException _) {
      throw new TypeConversionException("'" + value + "' is not a name of a backend");
    }
  }
}
