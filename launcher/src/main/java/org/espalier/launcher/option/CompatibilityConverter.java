package org.espalier.launcher.option;

import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads {@code huggingface} or {@code llama.cpp}. */
final class CompatibilityConverter implements ITypeConverter<TokenizerCompatibility> {
  @Override
  public TokenizerCompatibility convert(String value) {
    return switch (value) {
      case "huggingface" -> TokenizerCompatibility.HUGGING_FACE;
      case "llama.cpp" -> TokenizerCompatibility.LLAMA_CPP;
      default ->
          throw new TypeConversionException("'" + value + "' is neither huggingface nor llama.cpp");
    };
  }
}
