package org.espalier.launcher.option;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a whole number from 1. */
final class PositiveConverter implements ITypeConverter<Integer> {
  @Override
  public Integer convert(String value) {
    try {
      int number = Integer.parseInt(value);
      if (number >= 1) {
        return number;
      }
    } catch (NumberFormatException _) {
      // told below
    }
    throw new TypeConversionException("'" + value + "' is not a whole number from 1");
  }
}
