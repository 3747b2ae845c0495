package org.espalier.launcher.option;

import org.espalier.runtime.evaluation.PerplexityProtocol;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads {@code llama} or {@code hf}. */
public final class ProtocolConverter implements ITypeConverter<PerplexityProtocol> {
  @Override
  public PerplexityProtocol convert(String value) {
    return switch (value) {
      case "llama" -> PerplexityProtocol.LLAMA;
      case "hf" -> PerplexityProtocol.HF;
      default -> throw new TypeConversionException("'" + value + "' is neither llama nor hf");
    };
  }
}
