"""Archives as NumPy writes them: types, byte orders and memory orders.

python make.py    writes into its own folder
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
x = np.arange(12).reshape(2, 3, 2)
y = np.array([-1, 300])

np.savez(HERE / "bytes.npz", x=x.astype("u1"), y=y.astype("i2"))
np.savez_compressed(HERE / "bytes_compressed.npz", x=x.astype("u1"), y=y.astype("i8"))
np.savez(HERE / "bytes_fortran.npz", x=np.asfortranarray(x.astype("u1")), y=y.astype(">i4"))
np.savez(HERE / "float16.npz", x=(x / 8).astype("f2"), y=y)
np.savez(HERE / "float32.npz", x=(x / 8).astype("f4"), y=y)
np.savez(HERE / "float32_fortran_big_endian.npz", x=np.asfortranarray((x / 8).astype(">f4")), y=y)
np.savez_compressed(HERE / "float64.npz", x=x / 8, y=y)
np.savez(HERE / "nan.npz", x=np.where(x == 7, np.nan, x), y=y)
np.savez(HERE / "too_large.npz", x=np.where(x == 7, 1e300, x), y=y)
np.savez(HERE / "records.npz", x=np.zeros(2, dtype=[("a", "f4"), ("b", "i2", (2,))]))
np.savez(HERE / "objects.npz", x=np.array([1, "a"], dtype=object))
np.savez(HERE / "booleans.npz", x=np.zeros((2, 3), dtype=bool))
np.savez(HERE / "scalar.npz", x=np.uint8(7))
