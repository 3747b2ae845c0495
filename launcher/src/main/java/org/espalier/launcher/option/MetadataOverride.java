package org.espalier.launcher.option;

import org.espalier.api.format.MetadataValue;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * One {@code --override-kv}.
 *
 * @param key of the metadata
 * @param value that replaces the file's
 */
public record MetadataOverride(String key, MetadataValue value) {

  /** Reads {@code KEY=TYPE:VALUE}. */
  public static MetadataOverride parse(String text) {
    int equals = text.indexOf('=');
    int colon = text.indexOf(':', Math.max(equals, 0));
    if (equals < 1 || colon < 0) {
      throw new TypeConversionException("'" + text + "' is not of the form KEY=TYPE:VALUE");
    }
    String type = text.substring(equals + 1, colon);
    String value = text.substring(colon + 1);
    try {
      return new MetadataOverride(text.substring(0, equals), value(type, value));
    } catch (NumberFormatException _) {
      throw new TypeConversionException("'" + value + "' is not of type " + type);
    }
  }

  private static MetadataValue value(String type, String value) {
    return switch (type) {
      case "int" ->
          new MetadataValue.Whole(MetadataValue.WholeType.INT64, Long.parseLong(value.strip()));
      case "float" ->
          new MetadataValue.Real(MetadataValue.RealType.FLOAT64, Double.parseDouble(value.strip()));
      case "bool" ->
          switch (value) {
            case "true" -> new MetadataValue.Flag(true);
            case "false" -> new MetadataValue.Flag(false);
            default ->
                throw new TypeConversionException("'" + value + "' is neither true nor false");
          };
      case "str" -> new MetadataValue.Text(value);
      default ->
          throw new TypeConversionException(
              "'" + type + "' is none of the types int, float, bool and str");
    };
  }

  /** For picocli. */
  static final class Converter implements ITypeConverter<MetadataOverride> {
    @Override
    public MetadataOverride convert(String value) {
      return parse(value);
    }
  }
}
