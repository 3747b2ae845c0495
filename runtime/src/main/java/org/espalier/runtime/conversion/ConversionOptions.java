package org.espalier.runtime.conversion;

import java.util.Optional;
import org.espalier.api.tensor.ElementType;

/**
 * How to convert.
 *
 * @param type of the matrices; norms and routers are always F32
 * @param name for the metadata; the source's where empty
 */
public record ConversionOptions(ElementType type, Optional<String> name) {}
