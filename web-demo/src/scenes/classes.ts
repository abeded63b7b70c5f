/** What the network tells apart: names for a sentence, and colours for a map. */

export type Colour = readonly [red: number, green: number, blue: number];

export interface SceneClass {
  /** Name in the model. */
  readonly name: string;
  readonly label: string;
  readonly colour: Colour;
}

/** The classes of `camvid-unet`, in its order. */
export const CLASSES: readonly SceneClass[] = [
  { name: "Sky", label: "sky", colour: [143, 196, 235] },
  { name: "Building", label: "building", colour: [166, 88, 78] },
  { name: "Pole", label: "pole", colour: [232, 214, 110] },
  { name: "Road", label: "road", colour: [106, 104, 116] },
  { name: "Pavement", label: "pavement", colour: [205, 168, 206] },
  { name: "Tree", label: "tree", colour: [76, 146, 74] },
  { name: "SignSymbol", label: "sign", colour: [245, 140, 40] },
  { name: "Fence", label: "fence", colour: [124, 98, 60] },
  { name: "Car", label: "car", colour: [44, 84, 214] },
  { name: "Pedestrian", label: "person", colour: [222, 38, 104] },
  { name: "Bicyclist", label: "cyclist", colour: [14, 170, 160] },
];
