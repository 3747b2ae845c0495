/** What each stage of a plan does on this backend, phase by phase. */
@NullMarked
package org.espalier.backend.cpu.stage;

import org.jspecify.annotations.NullMarked;
