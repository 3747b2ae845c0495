package org.espalier.launcher.option;

import org.espalier.runtime.quantisation.pipeline.Shard;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a share such as 2/8. */
final class ShardConverter implements ITypeConverter<Shard> {
  @Override
  public Shard convert(String value) {
    if (!value.matches("[0-9]{1,6}/[0-9]{1,6}")) {
      throw new TypeConversionException("'%s' is no share such as 2/8".formatted(value));
    }
    String[] numbers = value.split("/", 2);
    return new Shard(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
  }
}
