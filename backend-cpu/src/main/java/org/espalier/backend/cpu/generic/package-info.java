/** The kernel that runs any codec through its tile decoder. */
@NullMarked
package org.espalier.backend.cpu.generic;

import org.jspecify.annotations.NullMarked;
